-- name: insert_entry
INSERT INTO audit.entries (tenant, at, who, source, action, subject, before, after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
