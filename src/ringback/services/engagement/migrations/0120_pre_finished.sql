-- What is forgotten after its time is found without reading the rest.
CREATE INDEX IF NOT EXISTS callbacks_finished ON engagement.callbacks (tenant, service, updated_at)
    WHERE state = 'COMPLETED';
