-- From which day to which day were orders handed off?
-- time_zone: whose days.
SELECT
    minOrNull(toDate(closed_at, {time_zone:String})) AS first_day,
    maxOrNull(toDate(closed_at, {time_zone:String})) AS last_day,
    count() AS handed_off
FROM orders
WHERE status = 'handed_off'
