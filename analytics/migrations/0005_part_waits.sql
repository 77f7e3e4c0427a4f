-- How long customers waited for each part request, so that nobody need join `parts` with `orders` for that: it takes as
-- long again.

-- One row per part request. Its order's wait for parts is shared equally by the backordered requests, or by all of them
-- where none was: `waited_s` of an order adds up to its wait_parts_s, that of an open one up to the query.
CREATE OR REPLACE VIEW fixtrail.part_waits DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    j.wait_parts_s + if(
        j.activity = 'parts',
        greatest(0, dateDiff('millisecond', j.last_event_at, now64(3, 'UTC'))) / 1000,
        0) AS wait_s
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
    part_unit_price AS unit_price,
    CAST(isNotNull(part_backordered_at), 'Bool') AS stockout,
    assumeNotNull(multiIf(
        isNull(wait_s), 0,
        j.stockouts = 0, wait_s / j.part_requests,
        isNotNull(part_backordered_at), wait_s / j.stockouts,
        0)) AS waited_s
FROM fixtrail_raw.journeys AS j FINAL
ARRAY JOIN
    `parts.request_id` AS part_request_id,
    `parts.part_no` AS part_part_no,
    `parts.quantity` AS part_quantity,
    `parts.emergency` AS part_emergency,
    `parts.requested_at` AS part_requested_at,
    `parts.backordered_at` AS part_backordered_at,
    `parts.fulfilled_at` AS part_fulfilled_at,
    `parts.unit_price` AS part_unit_price;

-- example:
--   SELECT part_no, count() AS requests, avg(stockout) AS stockout_rate, sum(waited_s) / 60 AS waited_min
--   FROM fixtrail.part_waits
--   GROUP BY part_no
--   ORDER BY waited_min DESC
--   LIMIT 50
ALTER TABLE fixtrail.part_waits MODIFY COMMENT 'One row per part request: how long the customer waited for it.';
ALTER TABLE fixtrail.part_waits
    COMMENT COLUMN IF EXISTS order_id 'The service order',
    COMMENT COLUMN IF EXISTS center_id 'Of the first check-in',
    COMMENT COLUMN IF EXISTS request_id 'The part request, within its order',
    COMMENT COLUMN IF EXISTS part_no 'The part',
    COMMENT COLUMN IF EXISTS quantity 'How many [pieces]',
    COMMENT COLUMN IF EXISTS emergency 'Whether any event of the request said so',
    COMMENT COLUMN IF EXISTS requested_at 'First requested [UTC]',
    COMMENT COLUMN IF EXISTS backordered_at 'First backordered [UTC]',
    COMMENT COLUMN IF EXISTS fulfilled_at 'First fulfilled; final [UTC]',
    COMMENT COLUMN IF EXISTS unit_price 'As last told [currency of the quote]',
    COMMENT COLUMN IF EXISTS stockout 'Whether it was ever backordered',
    COMMENT COLUMN IF EXISTS waited_s 'Its part of the wait for parts of the order: shared equally by those backordered, or by all where none was [s]';
