-- From which day to which day were orders closed, or complained of?
-- time_zone: whose days. last_close: the last day on which an order was closed.
SELECT
    least(first_close, first_complaint) AS first_day,
    greatest(last_close, last_complaint) AS last_day,
    last_close,
    handed_off
FROM
(
    SELECT
        minOrNull(toDate(closed_at, {time_zone:String})) AS first_close,
        maxOrNull(toDate(closed_at, {time_zone:String})) AS last_close,
        countIf(status = 'handed_off') AS handed_off
    FROM orders
) AS o,
(
    SELECT
        minOrNull(toDate(complained_at, {time_zone:String})) AS first_complaint,
        maxOrNull(toDate(complained_at, {time_zone:String})) AS last_complaint
    FROM complaints
) AS c
