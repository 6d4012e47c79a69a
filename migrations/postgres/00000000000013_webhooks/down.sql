DROP INDEX offer_events_numbered;
ALTER TABLE offer_events DROP COLUMN number;
DROP TABLE webhook_attempts;
DROP TABLE webhook_deliveries;
DROP TABLE webhooks;
