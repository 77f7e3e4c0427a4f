-- In how many orders is a phase missing, and in how many were several phases typed in at one time?
-- source: only orders of which it sent an event, '' for all. center: only this one, '' for all.
-- since, until: days of the order's last event in time_zone, '' for no limit.
-- end_key: only vehicles whose key comes before it, '' for all, as in drivers.
SELECT
    center_id,
    count() AS orders,
    countIf(arrayExists(
        (job, at) -> NOT arrayExists((begun, begun_at) -> begun = job AND begun_at <= at, started, started_at),
        completed, completed_at)) AS repair_without_start,
    countIf(settled AND NOT hasAll(completed, started)) AS repair_without_end,
    countIf(diagnosed > diagnosis_started) AS diagnosis_without_start,
    countIf(settled AND diagnosis_started > diagnosed) AS diagnosis_without_end,
    countIf(handed_off AND empty(started) AND empty(completed)) AS handoff_without_repair,
    countIf(NOT hasAll(requested, fulfilled)) AS part_without_request,
    countIf(same_time >= 4) AS typed_in_afterwards,
    countIf(span_s > {visit_most_s:Float64}) AS visit_long
FROM
(
    SELECT
        center_id,
        groupArrayIf(assumeNotNull(job_id), type = 'repair' AND phase = 'started') AS started,
        groupArrayIf(occurred_at, type = 'repair' AND phase = 'started') AS started_at,
        groupArrayIf(assumeNotNull(job_id), type = 'repair' AND phase = 'completed') AS completed,
        groupArrayIf(occurred_at, type = 'repair' AND phase = 'completed') AS completed_at,
        countIf(type = 'diagnosis' AND phase = 'started') AS diagnosis_started,
        countIf(type = 'diagnosis' AND phase = 'completed') AS diagnosed,
        groupUniqArrayIf(
            assumeNotNull(request_id), type = 'part_request' AND phase IN ('requested', 'backordered')) AS requested,
        groupUniqArrayIf(assumeNotNull(request_id), type = 'part_request' AND phase = 'fulfilled') AS fulfilled,
        countIf(type = 'handoff') > 0 AS handed_off,
        max(occurred_at) AS newest,
        dateDiff('millisecond', min(occurred_at), newest) / 1000 AS span_s,
        countIf(type IN ('handoff', 'cancellation')) > 0 AND newest < now64(3, 'UTC') - INTERVAL 2 DAY AS settled,
        toDate(newest, {time_zone:String}) AS day,
        arrayMax(mapValues(sumMap(map(toUnixTimestamp(occurred_at), 1)))) AS same_time
    FROM
    (
        SELECT source, vehicle_key, center_id, order_id, type, phase, job_id, request_id, occurred_at
        FROM arrivals
        WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String})
            AND ({center:String} = '' OR center_id = {center:String})
            -- An order that was moved to its right vehicle is none of the wrong one.
            AND (vehicle_key, center_id, order_id) IN (
                SELECT vehicle_key, center_id, order_id FROM orders
                WHERE {end_key:String} = '' OR vehicle_key < {end_key:String})
        ORDER BY vehicle_key, center_id, order_id, event_id, kafka_offset
        LIMIT 1 BY vehicle_key, center_id, order_id, event_id
    )
    WHERE type NOT IN ('survey', 'complaint', 'follow_up', 'appointment')
    GROUP BY vehicle_key, center_id, order_id
    HAVING ({source:String} = '' OR has(groupUniqArray(source), {source:String}))
        AND ({since:String} = '' OR day >= toDateOrZero({since:String}))
        AND ({until:String} = '' OR day <= toDateOrZero({until:String}))
)
GROUP BY center_id
ORDER BY center_id
