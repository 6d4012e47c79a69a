DROP TABLE offer_holds;
ALTER TABLE pools DROP COLUMN burst_window_s;
ALTER TABLE pools DROP COLUMN burst_bp;
