CREATE INDEX IF NOT EXISTS callbacks_routing ON engagement.callbacks (updated_at) WHERE state = 'ROUTING';
