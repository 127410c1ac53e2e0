-- name: inventory_at
SELECT category, count(*) AS number FROM (
    SELECT DISTINCT ON (category, item, owner) category, present FROM tenant.inventory_log
    WHERE tenant = $1 AND at <= to_timestamp($2) ORDER BY category, item, owner, seq DESC
) AS last WHERE present GROUP BY category ORDER BY category;

-- name: spans
SELECT seq, item, owner, extract(epoch FROM since)::float8 AS since, extract(epoch FROM until)::float8 AS until
FROM (
    SELECT seq, item, owner, present, at AS since,
        lead(at) OVER (PARTITION BY item, owner ORDER BY seq) AS until
    FROM tenant.inventory_log WHERE tenant = $1 AND category = $2
) AS spans
WHERE present AND since < to_timestamp($4) AND (until IS NULL OR until > to_timestamp($3)) AND seq > $5
ORDER BY seq LIMIT $6;

-- name: usage
WITH items AS (
    SELECT category, item, owner, present, at, seq,
        lead(at) OVER (PARTITION BY category, item, owner ORDER BY seq) AS until
    FROM tenant.inventory_log WHERE tenant = $1 AND at < to_timestamp($3)
), before AS (
    SELECT category, count(*) AS number FROM items
    WHERE present AND at <= to_timestamp($2) AND (until IS NULL OR until > to_timestamp($2)) GROUP BY category
), steps AS (
    SELECT category, sum(CASE WHEN present THEN 1 ELSE -1 END) OVER (PARTITION BY category ORDER BY seq) AS more
    FROM items WHERE at > to_timestamp($2)
), peaks AS (
    SELECT category, max(more) AS more FROM steps GROUP BY category
), seen AS (
    SELECT category, count(DISTINCT (item, owner)) AS number FROM items
    WHERE present AND (until IS NULL OR until > to_timestamp($2)) GROUP BY category
), after AS (
    SELECT category, count(*) AS number FROM items WHERE present AND until IS NULL GROUP BY category
)
SELECT seen.category, coalesce(before.number, 0) + greatest(0, coalesce(peaks.more, 0)) AS peak,
    seen.number AS items, coalesce(after.number, 0) AS at_end
FROM seen LEFT JOIN before USING (category) LEFT JOIN peaks USING (category) LEFT JOIN after USING (category)
ORDER BY seen.category;
