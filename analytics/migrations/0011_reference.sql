-- Reference events: of each natural key the latest by (occurred_at, event_id), in whatever order they arrive.

-- One row per event: a tie of the millisecond is decided by the whole event id, which no version number can hold
-- (docs/decisions/reference-events.md). `version` is the moment, then a digest of the content.
CREATE TABLE IF NOT EXISTS fixtrail_raw.reference_events
(
    type LowCardinality(String),
    center_id LowCardinality(String),
    natural_key Array(String) CODEC(ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    version UInt64 CODEC(ZSTD(1)),
    occurred_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    payload String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (type, center_id, natural_key, event_id);

-- The latest of each natural key; rows that are still there twice make no difference, so it does without FINAL.
CREATE OR REPLACE VIEW fixtrail_raw.reference_latest DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    e.type AS type,
    e.center_id AS center_id,
    e.natural_key AS natural_key,
    max((e.occurred_at, e.event_id, e.version, e.payload)) AS newest,
    newest.1 AS occurred_at,
    newest.2 AS event_id,
    newest.4 AS payload
FROM fixtrail_raw.reference_events AS e
GROUP BY e.type, e.center_id, e.natural_key;

CREATE OR REPLACE VIEW fixtrail.stock_levels DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    center_id,
    natural_key[1] AS part_no,
    toDecimal64(JSONExtractString(payload, 'on_hand'), 4) AS on_hand,
    toDecimal64OrNull(JSONExtractString(payload, 'on_order'), 4) AS on_order,
    occurred_at
FROM fixtrail_raw.reference_latest
WHERE type = 'stock_level';

-- example:
--   SELECT center_id, count() AS parts, countIf(on_hand = 0) AS missing, max(occurred_at) AS newest
--   FROM fixtrail.stock_levels
--   GROUP BY center_id
--   ORDER BY center_id
ALTER TABLE fixtrail.stock_levels MODIFY COMMENT 'One row per part of a center: its stock as last told.';
ALTER TABLE fixtrail.stock_levels
    COMMENT COLUMN IF EXISTS center_id 'As in orders',
    COMMENT COLUMN IF EXISTS part_no 'The part',
    COMMENT COLUMN IF EXISTS on_hand 'On the shelf',
    COMMENT COLUMN IF EXISTS on_order 'Ordered and not there yet; NULL where it was not told',
    COMMENT COLUMN IF EXISTS occurred_at 'When it was so [UTC]';

CREATE OR REPLACE VIEW fixtrail.staff_shifts DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    center_id,
    natural_key[1] AS staff_key,
    JSONExtractString(payload, 'role') AS role,
    fromUnixTimestamp64Milli(toInt64OrZero(natural_key[2]), 'UTC') AS starts_at,
    parseDateTime64BestEffort(JSONExtractString(payload, 'ends_at'), 3, 'UTC') AS ends_at,
    JSONExtractString(payload, 'phase') AS phase,
    occurred_at
FROM fixtrail_raw.reference_latest
WHERE type = 'staff_shift';

-- example:
--   SELECT center_id, role, round(sum(dateDiff('minute', starts_at, ends_at)) / 60, 1) AS planned_hours
--   FROM fixtrail.staff_shifts
--   WHERE phase = 'planned'
--   GROUP BY center_id, role
--   ORDER BY center_id, role
ALTER TABLE fixtrail.staff_shifts MODIFY COMMENT 'One row per planned shift and one per shift as worked, each as last told.';
ALTER TABLE fixtrail.staff_shifts
    COMMENT COLUMN IF EXISTS center_id 'As in orders',
    COMMENT COLUMN IF EXISTS staff_key 'Who, as technician_id in events',
    COMMENT COLUMN IF EXISTS role 'What as',
    COMMENT COLUMN IF EXISTS starts_at 'Begin [UTC]',
    COMMENT COLUMN IF EXISTS ends_at 'End [UTC]',
    COMMENT COLUMN IF EXISTS phase 'planned, cancelled (planned and taken back) or actual (as worked)',
    COMMENT COLUMN IF EXISTS occurred_at 'When it was last told [UTC]';

-- A grade without a center is of a person, not of a pseudonym in a center: shifts say who of a center that is.
CREATE OR REPLACE VIEW fixtrail.staff_grades DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    told.center_id AS center_id,
    told.staff_key AS staff_key,
    JSONExtractString(told.payload, 'grade') AS grade,
    JSONExtract(told.payload, 'skills', 'Array(String)') AS skills,
    told.from_at AS from_at,
    told.occurred_at AS occurred_at
FROM
(
    SELECT g.*
    FROM
    (
        SELECT
            center_id,
            natural_key[1] AS staff_key,
            fromUnixTimestamp64Milli(toInt64OrZero(natural_key[2]), 'UTC') AS from_at,
            payload,
            occurred_at
        FROM fixtrail_raw.reference_latest
        WHERE type = 'staff_grade'
    ) AS g
    UNION ALL
    SELECT person.center_id, person.staff_key, g.from_at, g.payload, g.occurred_at
    FROM
    (
        SELECT
            natural_key[1] AS person_key,
            fromUnixTimestamp64Milli(toInt64OrZero(natural_key[2]), 'UTC') AS from_at,
            payload,
            occurred_at
        FROM fixtrail_raw.reference_latest
        WHERE type = 'staff_grade' AND center_id = ''
    ) AS g
    INNER JOIN
    (
        SELECT DISTINCT center_id, natural_key[1] AS staff_key, JSONExtractString(payload, 'person_key') AS person_key
        FROM fixtrail_raw.reference_latest
        WHERE type = 'staff_shift'
    ) AS person ON person.person_key = g.person_key
) AS told;

-- example:
--   SELECT center_id, staff_key, argMax(grade, from_at) AS grade_now
--   FROM fixtrail.staff_grades
--   WHERE from_at <= now()
--   GROUP BY center_id, staff_key
--   ORDER BY center_id, staff_key
ALTER TABLE fixtrail.staff_grades MODIFY COMMENT 'One row per grade of an employee and the day from which it holds, as last told.';
ALTER TABLE fixtrail.staff_grades
    COMMENT COLUMN IF EXISTS center_id 'As in orders; empty for a grade that was told without a center',
    COMMENT COLUMN IF EXISTS staff_key 'Who, as technician_id in events',
    COMMENT COLUMN IF EXISTS grade 'The grade',
    COMMENT COLUMN IF EXISTS skills 'What for',
    COMMENT COLUMN IF EXISTS from_at 'From then on [UTC]',
    COMMENT COLUMN IF EXISTS occurred_at 'When it was last told [UTC]';

CREATE OR REPLACE VIEW fixtrail.staff_surveys DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    center_id,
    natural_key[1] AS round,
    JSONExtractString(payload, 'role') AS role,
    JSONExtractFloat(payload, 'score') AS score,
    occurred_at
FROM fixtrail_raw.reference_latest
WHERE type = 'staff_survey';

-- example:
--   SELECT round, role, count() AS n, if(n < 5, NULL, avg(score)) AS mean
--   FROM fixtrail.staff_surveys
--   GROUP BY round, role
--   ORDER BY round, role
ALTER TABLE fixtrail.staff_surveys MODIFY COMMENT 'One row per answer of the staff survey, as last told, without who gave it.';
ALTER TABLE fixtrail.staff_surveys
    COMMENT COLUMN IF EXISTS center_id 'As in orders',
    COMMENT COLUMN IF EXISTS round 'Which survey',
    COMMENT COLUMN IF EXISTS role 'What the respondent works as',
    COMMENT COLUMN IF EXISTS score 'The answer [0 to 100]',
    COMMENT COLUMN IF EXISTS occurred_at 'When it was given [UTC]';

CREATE OR REPLACE VIEW fixtrail.suggestions DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    center_id,
    natural_key[1] AS suggestion_id,
    argMax(JSONExtractString(payload, 'role'), (occurred_at, event_id)) AS role,
    argMax(natural_key[2], (occurred_at, event_id)) AS phase,
    maxOrNullIf(occurred_at, natural_key[2] = 'submitted') AS submitted_at,
    minOrNullIf(occurred_at, natural_key[2] != 'submitted') AS answered_at,
    maxOrNullIf(occurred_at, natural_key[2] = 'accepted') AS accepted_at,
    maxOrNullIf(occurred_at, natural_key[2] = 'adopted') AS adopted_at,
    maxOrNullIf(occurred_at, natural_key[2] = 'rewarded') AS rewarded_at,
    maxOrNullIf(occurred_at, natural_key[2] = 'declined') AS declined_at
FROM fixtrail_raw.reference_latest
WHERE type = 'suggestion'
GROUP BY center_id, natural_key[1];

-- example:
--   SELECT phase, count() AS suggestions, quantileExact(dateDiff('day', submitted_at, answered_at)) AS median_days
--   FROM fixtrail.suggestions
--   GROUP BY phase
--   ORDER BY phase
ALTER TABLE fixtrail.suggestions MODIFY COMMENT 'One row per suggestion of an employee, with what became of it.';
ALTER TABLE fixtrail.suggestions
    COMMENT COLUMN IF EXISTS center_id 'As in orders',
    COMMENT COLUMN IF EXISTS suggestion_id 'Its number',
    COMMENT COLUMN IF EXISTS role 'What who made it works as',
    COMMENT COLUMN IF EXISTS phase 'submitted, accepted, adopted, rewarded or declined: the latest',
    COMMENT COLUMN IF EXISTS submitted_at 'NULL where that was not told [UTC]',
    COMMENT COLUMN IF EXISTS answered_at 'The first step after it was submitted; NULL while there is none [UTC]',
    COMMENT COLUMN IF EXISTS accepted_at 'NULL where it was not [UTC]',
    COMMENT COLUMN IF EXISTS adopted_at 'NULL where it was not [UTC]',
    COMMENT COLUMN IF EXISTS rewarded_at 'NULL where it was not [UTC]',
    COMMENT COLUMN IF EXISTS declined_at 'NULL where it was not [UTC]';

CREATE OR REPLACE VIEW fixtrail.price_list DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    list.center_id AS center_id,
    fromUnixTimestamp64Milli(toInt64(list.natural_key[1]), 'UTC') AS valid_from,
    item.1 AS kind,
    JSONExtractString(item.2, if(item.1 = 'labour', 'code', 'part_no')) AS code,
    JSONExtractString(item.2, 'name') AS name,
    toDecimal64OrNull(JSONExtractString(item.2, 'standard_hours'), 4) AS standard_hours,
    toDecimal64OrNull(JSONExtractString(item.2, 'price'), 4) AS price,
    JSONExtractString(list.payload, 'currency') AS currency,
    list.occurred_at AS occurred_at
FROM fixtrail_raw.reference_latest AS list
ARRAY JOIN arrayConcat(
    arrayMap(text -> ('labour', text), JSONExtractArrayRaw(list.payload, 'labour')),
    arrayMap(text -> ('part', text), JSONExtractArrayRaw(list.payload, 'parts'))) AS item
WHERE list.type = 'price_list';

-- example:
--   SELECT code, argMax(price, valid_from) AS price_now
--   FROM fixtrail.price_list
--   WHERE kind = 'part' AND center_id = '' AND valid_from <= now()
--   GROUP BY code
--   ORDER BY code
ALTER TABLE fixtrail.price_list MODIFY COMMENT 'One row per item of a price list, as last told.';
ALTER TABLE fixtrail.price_list
    COMMENT COLUMN IF EXISTS center_id 'As in orders; empty for the list of all centers',
    COMMENT COLUMN IF EXISTS valid_from 'From then on [UTC]',
    COMMENT COLUMN IF EXISTS kind 'labour or part',
    COMMENT COLUMN IF EXISTS code 'The code of the labour, or the number of the part',
    COMMENT COLUMN IF EXISTS name 'Its name',
    COMMENT COLUMN IF EXISTS standard_hours 'Of labour; NULL for parts [h]',
    COMMENT COLUMN IF EXISTS price 'Of a part; NULL for labour [currency]',
    COMMENT COLUMN IF EXISTS currency 'Of the prices',
    COMMENT COLUMN IF EXISTS occurred_at 'When it was last told [UTC]';
