-- Which scores did customers who once gave a bad one give, order by order?
-- One row per customer. answers: (ms, score) of the last survey of each order, by time. Bad is as in voices_surveys.
SELECT
    customer_key,
    arraySort(groupArray((toUnixTimestamp64Milli(answered_at), score))) AS answers
FROM orders
WHERE isNotNull(answered_at) AND notEmpty(customer_key) AND customer_key IN (
    SELECT customer_key FROM orders WHERE score <= if(fault_origin = 'product', 8, 6) AND notEmpty(customer_key))
GROUP BY customer_key
ORDER BY customer_key
