-- One row per order that waited: whose clock ran, and for how long. An order that is known under two vehicles has a row
-- of each, as in view `orders`; they were added up.
CREATE OR REPLACE VIEW fixtrail.order_waits DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    center_id,
    order_id,
    vehicle_key,
    any(has_hours) AS has_hours,
    sum(seconds) AS wait_s,
    sum(open_s) AS wait_open_s,
    sumIf(open_s, charged_to = 'workshop') AS workshop_s,
    sumIf(open_s, charged_to = 'customer') AS customer_s,
    sumIf(open_s, charged_to = 'supplier') AS supplier_s,
    sum(closed_s) AS closed_s
FROM fixtrail.waits
GROUP BY center_id, order_id, vehicle_key;

-- example:
--   SELECT center_id, avg(wait_s) / 60 AS wall_min, avg(wait_open_s) / 60 AS open_min
--   FROM fixtrail.order_waits
--   GROUP BY center_id
ALTER TABLE fixtrail.order_waits MODIFY COMMENT 'One row per order that waited: whose clock ran. workshop_s + customer_s + supplier_s + closed_s = wait_s.';
ALTER TABLE fixtrail.order_waits
    COMMENT COLUMN IF EXISTS center_id 'As in orders',
    COMMENT COLUMN IF EXISTS order_id 'The service order',
    COMMENT COLUMN IF EXISTS vehicle_key 'As in orders',
    COMMENT COLUMN IF EXISTS has_hours 'Whether the hours of the center are known; if not, all of the wait counts as open',
    COMMENT COLUMN IF EXISTS wait_s 'As in orders, of an open order up to now [s]',
    COMMENT COLUMN IF EXISTS wait_open_s 'The wait while the center was open [s]',
    COMMENT COLUMN IF EXISTS workshop_s 'Of it, for reception and bay [s]',
    COMMENT COLUMN IF EXISTS customer_s 'Of it, for approval [s]',
    COMMENT COLUMN IF EXISTS supplier_s 'Of it, for parts [s]',
    COMMENT COLUMN IF EXISTS closed_s 'The wait while the center was closed [s]';
