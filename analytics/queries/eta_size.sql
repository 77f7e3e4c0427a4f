-- How many visits were there from a day on?
-- since: the day of check-in from which on, in UTC, '' for no limit.
SELECT count() AS visits
FROM orders
WHERE isNotNull(checked_in_at) AND isNotNull(lane)
    AND ({since:String} = '' OR checked_in_at >= toDateOrZero({since:String}))
