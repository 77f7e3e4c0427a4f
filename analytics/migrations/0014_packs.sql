-- The figures as they were told: each pack of reports leaves its own behind, whatever becomes of them later.

CREATE TABLE IF NOT EXISTS fixtrail_raw.packs
(
    sha256 FixedString(64),
    period LowCardinality(String),
    since Date,
    until Date,
    figure LowCardinality(String),
    of_period LowCardinality(String),
    key String,
    value Nullable(Float64),
    low Nullable(Float64),
    high Nullable(Float64),
    n Nullable(UInt64),
    n_all Nullable(UInt64),
    count Nullable(UInt64),
    target Nullable(Float64),
    status LowCardinality(String),
    unit LowCardinality(String),
    definition_version UInt32,
    origin LowCardinality(String),
    as_of Nullable(DateTime64(3, 'UTC')),
    computed_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(computed_at)
ORDER BY (until, period, sha256, origin, figure, of_period, key);

-- One row per figure of a pack, as it was told then.
CREATE OR REPLACE VIEW fixtrail.packs DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    toString(sha256) AS sha256,
    period,
    since,
    until,
    figure,
    of_period,
    key,
    value,
    low,
    high,
    n,
    n_all,
    count,
    target,
    status,
    unit,
    definition_version,
    origin,
    as_of,
    computed_at
FROM fixtrail_raw.packs FINAL;

-- example:
--   SELECT until, value / 60 AS wait_min, n, status, substring(sha256, 1, 12) AS pack
--   FROM fixtrail.packs
--   WHERE period = 'week' AND figure = 'wait_mean_s' AND of_period = 'this'
--   ORDER BY until DESC, computed_at DESC
ALTER TABLE fixtrail.packs MODIFY COMMENT 'One row per figure of a pack of reports, as it was told then: later events do not change it.';
ALTER TABLE fixtrail.packs
    COMMENT COLUMN IF EXISTS sha256 'The hash of the pack',
    COMMENT COLUMN IF EXISTS period 'week or month',
    COMMENT COLUMN IF EXISTS since 'Its first day of close',
    COMMENT COLUMN IF EXISTS until 'Its last day of close, included',
    COMMENT COLUMN IF EXISTS figure 'The figure, as in fixtrail ask',
    COMMENT COLUMN IF EXISTS of_period 'this, previous, or a period of the targets',
    COMMENT COLUMN IF EXISTS key 'Of a cut; empty without one',
    COMMENT COLUMN IF EXISTS value 'The value, in the unit [of the figure]',
    COMMENT COLUMN IF EXISTS low 'The lower end of its 95 % interval [of the figure]',
    COMMENT COLUMN IF EXISTS high 'The upper end of its 95 % interval [of the figure]',
    COMMENT COLUMN IF EXISTS n 'Of how many it was computed',
    COMMENT COLUMN IF EXISTS n_all 'Of how many in all',
    COMMENT COLUMN IF EXISTS count 'How many held, or events',
    COMMENT COLUMN IF EXISTS target 'What was aimed at; NULL without a target [of the figure]',
    COMMENT COLUMN IF EXISTS status 'met, missed or not_distinguishable; empty without a target',
    COMMENT COLUMN IF EXISTS unit 'The unit of the values',
    COMMENT COLUMN IF EXISTS definition_version 'Which version of the definition it was computed by',
    COMMENT COLUMN IF EXISTS origin 'command, or the schedule that told it',
    COMMENT COLUMN IF EXISTS as_of 'The moment of the data [UTC]',
    COMMENT COLUMN IF EXISTS computed_at 'When it was computed [UTC]';
