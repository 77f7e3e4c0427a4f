-- At which centers did cars come, how many, and how many came without a check-in?
-- since: the day from which on, in UTC.
SELECT
    center_id,
    countIf(isNotNull(checked_in_at)) AS visits,
    countIf(isNull(checked_in_at)) AS without_check_in
FROM orders
WHERE ifNull(checked_in_at, last_event_at) >= toDateOrZero({since:String})
    AND (isNotNull(checked_in_at) OR has(anomalies, 'missing_check_in'))
GROUP BY center_id
ORDER BY center_id
