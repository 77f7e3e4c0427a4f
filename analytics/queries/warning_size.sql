-- How many orders came from a day on, and how many of them had a fault of the product's?
-- since: the first day of check-in in time_zone.
SELECT
    count() AS visits,
    countIf(fault_origin = 'product' AND notEmpty(fault_groups)) AS cases
FROM orders
WHERE isNotNull(checked_in_at)
    AND toDate(assumeNotNull(checked_in_at), {time_zone:String}) >= toDateOrZero({since:String})
