-- The ready times that were shown: without them nobody could tell how good they were.

-- The same interval of one decision point is one row, whoever was shown it.
CREATE TABLE IF NOT EXISTS fixtrail_raw.estimates
(
    center_id LowCardinality(String),
    order_id String CODEC(ZSTD(1)),
    point_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    low DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    high DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    middle DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    late_probability Nullable(Float64) CODEC(ZSTD(1)),
    promised_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    activity LowCardinality(String),
    as_of DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    shown_at DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (center_id, order_id, point_at, low, high);

-- One row per interval that was shown of an order.
CREATE OR REPLACE VIEW fixtrail.estimates DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT center_id, order_id, point_at, low, high, middle, late_probability, promised_at, activity, as_of, shown_at
FROM fixtrail_raw.estimates FINAL;

-- example:
--   SELECT avg(o.ready_at BETWEEN e.low AND e.high) AS inside, count() AS n
--   FROM fixtrail.estimates AS e JOIN fixtrail.orders AS o USING (center_id, order_id)
--   WHERE isNotNull(o.ready_at)
ALTER TABLE fixtrail.estimates MODIFY COMMENT 'One row per ready time that a customer, an advisor or another system was shown.';
ALTER TABLE fixtrail.estimates
    COMMENT COLUMN IF EXISTS center_id 'As in orders',
    COMMENT COLUMN IF EXISTS order_id 'The service order',
    COMMENT COLUMN IF EXISTS point_at 'The change that it goes by: an activity began or a promise was given [UTC]',
    COMMENT COLUMN IF EXISTS low 'Ready from then on [UTC]',
    COMMENT COLUMN IF EXISTS high 'Ready by then; aimed at 8 in 10 within [UTC]',
    COMMENT COLUMN IF EXISTS middle 'As often before as after [UTC]',
    COMMENT COLUMN IF EXISTS late_probability 'That the promise will be broken; NULL without one [0 to 1]',
    COMMENT COLUMN IF EXISTS promised_at 'The promise at the time [UTC]',
    COMMENT COLUMN IF EXISTS activity 'What was going on',
    COMMENT COLUMN IF EXISTS as_of 'Learned from what happened up to then [UTC]',
    COMMENT COLUMN IF EXISTS shown_at 'When it was first shown, or again by another process [UTC]';
