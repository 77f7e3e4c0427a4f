-- Which events of work did each visit have, in order, and was the fault mended the first time?
-- with: visits
-- end_key: only vehicles whose key comes before it, '' for all, as in drivers. Events after the close are left out.
WITH work AS
(
    SELECT
        order_id,
        center_id,
        vehicle_key,
        groupArray((
            toUnixTimestamp64Milli(occurred_at),
            if(type = 'quality_check', concat('quality_check.', ifNull(phase, 'completed')),
                if(isNull(phase), toString(type), concat(toString(type), '.', assumeNotNull(phase)))),
            JSONExtractString(payload, 'step'))) AS work_events,
        argMaxIf(
            JSONExtractFloat(payload, 'quote', 'labour_hours'), occurred_at,
            type = 'diagnosis' AND JSONHas(payload, 'quote')) AS planned_hours
    FROM
    (
        SELECT order_id, center_id, vehicle_key, occurred_at, type, phase, payload
        FROM events
        WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String})
            AND type IN ('check_in', 'diagnosis', 'quote_decision', 'part_request', 'repair', 'quality_check', 'ready',
                'expert', 'handoff')
        ORDER BY occurred_at, event_id
    )
    GROUP BY order_id, center_id, vehicle_key
)
SELECT
    v.order_id AS order_id,
    v.center_id AS center_id,
    v.fault_groups AS fault_groups,
    v.ftf AS ftf,
    toUnixTimestamp64Milli(v.checked_in_at) AS checked_in_ms,
    toUnixTimestamp64Milli(v.closed_at) AS closed_ms,
    w.work_events AS work_events,
    w.planned_hours AS planned_hours
FROM
(
    SELECT order_id, center_id, vehicle_key, fault_groups, ftf, checked_in_at, closed_at
    FROM visits
    WHERE is_handed_off AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
) AS v
LEFT JOIN work AS w ON w.order_id = v.order_id AND w.center_id = v.center_id AND w.vehicle_key = v.vehicle_key
ORDER BY center_id, order_id
