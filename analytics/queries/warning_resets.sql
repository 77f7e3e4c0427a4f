-- Since when does somebody take care of a quality warning, by what it is about?
SELECT subject, max(a.acknowledged_at) AS acknowledged_at
FROM alerts AS a
WHERE kind = 'quality_warning' AND isNotNull(a.acknowledged_at)
GROUP BY subject
ORDER BY subject
