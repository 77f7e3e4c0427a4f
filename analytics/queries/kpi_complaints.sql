-- How many complaints came on which days, whatever has become of their orders?
-- since, until: days of the complaint in time_zone, both included, '' for no limit. centers, rollout, by: as in visits,
-- by the day of the complaint. squares: of the complaints of each complainer, a customer or else a vehicle.
WITH
    {by:String} AS cut,
    {since:String} AS first_day,
    {until:String} AS last_day,
    {rollout:String} AS side,
    {centers:Array(String)} AS only_centers,
    (SELECT groupArray((center_id, nullIf(region, ''), toNullable(toString(wave)), wave_start)) FROM centers) AS known
SELECT key, sum(own) AS complaints, sum(own * own) AS squares, max(own) AS most
FROM
(
    SELECT key, ifNull(o.customer_key, o.vehicle_key) AS complainer, count() AS own
    FROM
    (
        SELECT order_id, center_id, vehicle_key, toDate(complained_at, {time_zone:String}) AS day
        FROM complaints
    ) AS c
    ANY LEFT JOIN
    (
        SELECT order_id, center_id, vehicle_key, customer_key, lane, fault_origin, fault_groups
        FROM orders
        WHERE complaints > 0
    ) AS o ON o.order_id = c.order_id AND o.center_id = c.center_id AND o.vehicle_key = c.vehicle_key
    ARRAY JOIN multiIf(
        cut = 'center', [CAST(c.center_id, 'Nullable(String)')],
        cut = 'region', [transform(c.center_id, known.1, known.2, NULL)],
        cut = 'wave', [transform(c.center_id, known.1, known.3, NULL)],
        cut = 'lane', [CAST(o.lane, 'Nullable(String)')],
        cut = 'origin', [CAST(o.fault_origin, 'Nullable(String)')],
        cut = 'group', if(empty(o.fault_groups), [NULL], CAST(o.fault_groups, 'Array(Nullable(String))')),
        cut = 'day', [toNullable(toString(c.day))],
        cut = 'week', [toNullable(toString(toMonday(c.day)))],
        cut = 'month', [toNullable(substring(toString(c.day), 1, 7))],
        [toNullable('')]) AS key
    WHERE o.order_id != ''
        AND (first_day = '' OR c.day >= toDateOrZero(first_day))
        AND (last_day = '' OR c.day <= toDateOrZero(last_day))
        AND (empty(only_centers) OR has(only_centers, c.center_id))
        AND (side = '' OR (c.day < transform(c.center_id, known.1, known.4, NULL)) = (side = 'before'))
    GROUP BY key, complainer
)
GROUP BY key
ORDER BY key NULLS LAST
