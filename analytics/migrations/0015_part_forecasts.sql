-- The forecasts of parts that were published: without them nobody could tell how right they were.

CREATE TABLE IF NOT EXISTS fixtrail_raw.part_forecasts
(
    origin_day Date CODEC(ZSTD(1)),
    horizon_days UInt16 CODEC(ZSTD(1)),
    center_id LowCardinality(String),
    part_no String CODEC(ZSTD(1)),
    mean Float64 CODEC(ZSTD(1)),
    k Float64 CODEC(ZSTD(1)),
    q50 UInt32 CODEC(ZSTD(1)),
    q95 UInt32 CODEC(ZSTD(1)),
    method LowCardinality(String),
    class_hits LowCardinality(String),
    service_level Float64 CODEC(ZSTD(1)),
    cover_days UInt16 CODEC(ZSTD(1)),
    shelf UInt32 CODEC(ZSTD(1)),
    definition_version UInt16 CODEC(ZSTD(1)),
    published_at DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(published_at)
ORDER BY (origin_day, center_id, part_no, horizon_days);

-- One row per part, center, first day and horizon: the forecast that was published last.
CREATE OR REPLACE VIEW fixtrail.part_forecasts DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    origin_day,
    horizon_days,
    center_id,
    part_no,
    mean,
    k,
    q50,
    q95,
    method,
    class_hits,
    service_level,
    cover_days,
    shelf,
    definition_version,
    published_at
FROM fixtrail_raw.part_forecasts FINAL;

-- example:
--   SELECT center_id, part_no, q50, q95, shelf
--   FROM fixtrail.part_forecasts
--   WHERE origin_day = (SELECT max(origin_day) FROM fixtrail.part_forecasts)
--   ORDER BY q95 DESC
--   LIMIT 50
ALTER TABLE fixtrail.part_forecasts MODIFY COMMENT 'One row per part and center whose demand was forecast and published.';
ALTER TABLE fixtrail.part_forecasts
    COMMENT COLUMN IF EXISTS origin_day 'First day of the forecast',
    COMMENT COLUMN IF EXISTS horizon_days 'How many days it is of',
    COMMENT COLUMN IF EXISTS center_id 'The service center',
    COMMENT COLUMN IF EXISTS part_no 'The part',
    COMMENT COLUMN IF EXISTS mean 'Pieces asked for in these days, on average',
    COMMENT COLUMN IF EXISTS k 'Variance of that number / its mean; 1 is Poisson',
    COMMENT COLUMN IF EXISTS q50 'As often more as less [pieces]',
    COMMENT COLUMN IF EXISTS q95 'Not more than that in 95 of 100 cases [pieces]',
    COMMENT COLUMN IF EXISTS method 'mean_365, mean_90, tsb or adida',
    COMMENT COLUMN IF EXISTS class_hits 'Class of the part by requests: A, B or C',
    COMMENT COLUMN IF EXISTS service_level 'How often the shelf is to be enough [0 to 1]',
    COMMENT COLUMN IF EXISTS cover_days 'For how many days: review and delivery',
    COMMENT COLUMN IF EXISTS shelf 'Pieces to keep on the shelf; 0 to order on demand',
    COMMENT COLUMN IF EXISTS definition_version 'Of the forecast (docs/metrics.md)',
    COMMENT COLUMN IF EXISTS published_at 'When it was published [UTC]';
