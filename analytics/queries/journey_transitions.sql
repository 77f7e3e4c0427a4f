-- From which activity do visits go on to which one, step by step?
-- with: visits
-- one_in: of so many orders one is followed, chosen by its id; 1 follows all. The end of the visit is 'end'.
SELECT
    step,
    activity,
    if(next_activity = '', 'end', next_activity) AS next,
    count() AS orders
FROM
(
    SELECT
        arrayMap(stage -> stage.2, arraySort(groupArray((seq, toString(activity))))) AS path,
        arrayPushBack(arrayPopFront(path), '') AS following
    FROM stages
    WHERE cityHash64(order_id) % {one_in:UInt32} = 0
        AND (center_id, order_id, vehicle_key) IN (
            SELECT center_id, order_id, vehicle_key FROM visits
            WHERE is_handed_off AND isNotNull(lead_s) AND cityHash64(order_id) % {one_in:UInt32} = 0)
    GROUP BY center_id, order_id, vehicle_key
)
ARRAY JOIN path AS activity, following AS next_activity, arrayEnumerate(path) AS step
GROUP BY step, activity, next
ORDER BY step, orders DESC, activity, next
