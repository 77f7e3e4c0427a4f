-- Whose clock ran while customers waited, and for how long while the center was open?
-- with: visits
-- One row per center, over its handed-off orders with a check-in. end_key: only vehicles whose key comes before it, ''
-- for all, as in quality_technicians. Without hours of the center all of a wait counts as open.
SELECT
    center_id,
    count() AS orders,
    countIf(has_hours) AS with_hours,
    avg(visit.wait_s) AS wait_s,
    avg(clock.wait_open_s) AS wait_open_s,
    avg(clock.workshop_s) AS workshop_s,
    avg(clock.customer_s) AS customer_s,
    avg(clock.supplier_s) AS supplier_s,
    avg(clock.closed_s) AS closed_s,
    countIf(clock.closed_s > 0) AS over_closed
FROM
(
    SELECT center_id, order_id, vehicle_key, wait_s
    FROM visits
    WHERE is_handed_off AND isNotNull(checked_in_at) AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
) AS visit
LEFT JOIN
(
    SELECT
        center_id,
        order_id,
        vehicle_key,
        sum(open_s) AS wait_open_s,
        sumIf(open_s, charged_to = 'workshop') AS workshop_s,
        sumIf(open_s, charged_to = 'customer') AS customer_s,
        sumIf(open_s, charged_to = 'supplier') AS supplier_s,
        sum(waits.closed_s) AS closed_s
    FROM waits
    WHERE {end_key:String} = '' OR vehicle_key < {end_key:String}
    GROUP BY center_id, order_id, vehicle_key
) AS clock USING (center_id, order_id, vehicle_key)
LEFT JOIN (SELECT center_id, true AS has_hours FROM opening_days GROUP BY center_id) AS center USING (center_id)
GROUP BY center_id
ORDER BY center_id
