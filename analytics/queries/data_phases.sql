-- In how many orders is a phase missing, and in how many were several phases typed in at one time?
-- source, center: only this one, '' for all. since, until: days on which they happened in time_zone, '' for no limit.
SELECT
    told_center AS center_id,
    count() AS orders,
    countIf(completed > started) AS repair_without_start,
    countIf(closed AND started > completed AND newest < now64(3, 'UTC') - INTERVAL 2 DAY) AS repair_without_end,
    countIf(diagnosed > diagnosis_started) AS diagnosis_without_start,
    countIf(handed_off AND started + completed = 0) AS handoff_without_repair,
    countIf(fulfilled > requested) AS part_without_request,
    countIf(same_time >= 4) AS typed_in_afterwards
FROM
(
    SELECT
        any(center_id) AS told_center,
        uniqExactIf(job_id, type = 'repair' AND phase = 'started') AS started,
        uniqExactIf(job_id, type = 'repair' AND phase = 'completed') AS completed,
        countIf(type = 'diagnosis' AND phase = 'started') AS diagnosis_started,
        countIf(type = 'diagnosis' AND phase = 'completed') AS diagnosed,
        uniqExactIf(request_id, type = 'part_request' AND phase IN ('requested', 'backordered')) AS requested,
        uniqExactIf(request_id, type = 'part_request' AND phase = 'fulfilled') AS fulfilled,
        countIf(type = 'handoff') > 0 AS handed_off,
        countIf(type IN ('handoff', 'cancellation')) > 0 AS closed,
        max(occurred_at) AS newest,
        arrayMax(mapValues(sumMap(map(toUnixTimestamp(occurred_at), 1)))) AS same_time
    FROM
    (
        SELECT *
        FROM arrivals
        ORDER BY vehicle_key, order_id, event_id
        LIMIT 1 BY vehicle_key, order_id, event_id
    )
    WHERE ({source:String} = '' OR source = {source:String}) AND ({center:String} = '' OR center_id = {center:String})
        AND ({since:String} = '' OR toDate(occurred_at, {time_zone:String}) >= toDateOrZero({since:String}))
        AND ({until:String} = '' OR toDate(occurred_at, {time_zone:String}) <= toDateOrZero({until:String}))
        AND type NOT IN ('survey', 'complaint', 'follow_up', 'appointment')
    GROUP BY vehicle_key, order_id
)
GROUP BY told_center
ORDER BY told_center
