-- How large will an export be, and which order numbers does a center use for two vehicles?
-- since, until: days of close in time_zone, both included, '' for no limit. center: '' for all.
SELECT
    count() AS orders,
    uniqExact(vehicle_key) AS vehicles,
    sum(event_count) AS events,
    (SELECT count() FROM arrivals) AS arrivals,
    (
        -- Each of them is marked as such: all orders grouped would take more memory than a reader may have.
        SELECT groupArray([center_id, order_id])
        FROM
        (
            SELECT center_id, order_id
            FROM orders
            WHERE has(anomalies, 'vehicle_changed')
            GROUP BY center_id, order_id
            HAVING count() > 1
        )
    ) AS twice
FROM orders
WHERE ({center:String} = '' OR center_id = {center:String})
    AND ({since:String} = '' OR toDate(closed_at, {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR toDate(closed_at, {time_zone:String}) <= toDateOrZero({until:String}))
