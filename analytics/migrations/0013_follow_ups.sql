-- Who got in touch with a customer about a survey or a complaint, and what came of it. Rows written before have none.

ALTER TABLE fixtrail_raw.journeys
    ADD COLUMN IF NOT EXISTS `follow_ups.event_id` Array(String) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `follow_ups.followed_up_at` Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `follow_ups.of` Array(String) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `follow_ups.phase` Array(LowCardinality(String));

-- One row per attempt to reach a customer.
CREATE OR REPLACE VIEW fixtrail.follow_ups DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    j.order_id AS order_id,
    j.center_id AS center_id,
    follow_up_event_id AS event_id,
    follow_up_at AS followed_up_at,
    follow_up_of AS of,
    follow_up_phase AS phase
FROM fixtrail_raw.journeys AS j FINAL
ARRAY JOIN
    `follow_ups.event_id` AS follow_up_event_id,
    `follow_ups.followed_up_at` AS follow_up_at,
    `follow_ups.of` AS follow_up_of,
    `follow_ups.phase` AS follow_up_phase;

-- example:
--   SELECT center_id, phase, count() AS calls
--   FROM fixtrail.follow_ups
--   GROUP BY center_id, phase
--   ORDER BY center_id, calls DESC
ALTER TABLE fixtrail.follow_ups MODIFY COMMENT 'One row per attempt to reach a customer about a survey or a complaint.';
ALTER TABLE fixtrail.follow_ups
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center',
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS event_id 'The event',
    COMMENT COLUMN IF EXISTS followed_up_at 'When it was [UTC]',
    COMMENT COLUMN IF EXISTS of 'event_id of a survey or complaint_id of a complaint of the order',
    COMMENT COLUMN IF EXISTS phase 'contacted, no_answer or resolved';
