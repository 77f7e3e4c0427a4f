-- One row per part request, with the vehicle under which the order asked for it: an order that is known under two
-- vehicles has the requests of each, as view `orders` has a row of each.
CREATE OR REPLACE VIEW fixtrail.parts DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    j.order_id AS order_id,
    j.center_id AS center_id,
    part_request_id AS request_id,
    part_part_no AS part_no,
    part_quantity AS quantity,
    part_emergency AS emergency,
    part_requested_at AS requested_at,
    part_backordered_at AS backordered_at,
    part_fulfilled_at AS fulfilled_at,
    part_cancelled_at AS cancelled_at,
    part_expected_at AS expected_at,
    part_unit_price AS unit_price,
    CAST(isNotNull(part_backordered_at), 'Bool') AS stockout,
    j.vehicle_key AS vehicle_key
FROM fixtrail_raw.journeys AS j FINAL
ARRAY JOIN
    `parts.request_id` AS part_request_id,
    `parts.part_no` AS part_part_no,
    `parts.quantity` AS part_quantity,
    `parts.emergency` AS part_emergency,
    `parts.requested_at` AS part_requested_at,
    `parts.backordered_at` AS part_backordered_at,
    `parts.fulfilled_at` AS part_fulfilled_at,
    `parts.cancelled_at` AS part_cancelled_at,
    `parts.expected_at` AS part_expected_at,
    `parts.unit_price` AS part_unit_price;

-- example:
--   SELECT part_no, count() AS requests, avg(stockout) AS stockout_rate
--   FROM fixtrail.parts
--   GROUP BY part_no
--   ORDER BY requests DESC
--   LIMIT 50
ALTER TABLE fixtrail.parts MODIFY COMMENT 'One row per part request: when each phase was first reached.';
ALTER TABLE fixtrail.parts
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center',
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS request_id 'The part request, within its order',
    COMMENT COLUMN IF EXISTS part_no 'The part',
    COMMENT COLUMN IF EXISTS quantity 'How many [pieces]',
    COMMENT COLUMN IF EXISTS emergency 'Whether any event of the request said so',
    COMMENT COLUMN IF EXISTS requested_at 'First requested [UTC]',
    COMMENT COLUMN IF EXISTS backordered_at 'First backordered [UTC]',
    COMMENT COLUMN IF EXISTS fulfilled_at 'First fulfilled; final [UTC]',
    COMMENT COLUMN IF EXISTS cancelled_at 'First cancelled; final [UTC]',
    COMMENT COLUMN IF EXISTS expected_at 'When it was last said to come [UTC]',
    COMMENT COLUMN IF EXISTS unit_price 'As last told [currency of the quote]',
    COMMENT COLUMN IF EXISTS stockout 'Whether it was ever backordered',
    COMMENT COLUMN IF EXISTS vehicle_key 'As in orders';
