import { test } from 'node:test'
import { kafkaFor, withSluice } from './support/sluice.ts'
test('try', async (t) => {
  const kafka = await kafkaFor(t)
  if (kafka === undefined) return
  await withSluice(t, { upstream: kafka, quotas: [{ name: 'p', limit: { produceBytes: '1 MB/s' }, per: ['clientId'] }] }, async (s) => {
    console.log(s.bootstrap, s.adminUrl, (await s.metrics()).value('sluice_quota_limit'), await s.status())
    await s.reload([])
    console.log(s.logs)
  })
})
