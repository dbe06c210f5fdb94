// What a restore lacks, by what brokers said, and the command for it.
import { describe, expect, it } from 'vitest'
import { grantArguments, grantsOf, grantWords, judgeNeeds, type Need } from '../../../src/archive/restore/rights-needed.ts'
import { known, unknown } from '../../../src/model/known.ts'
import type { Operations, Permits } from '../../../src/ports/kafka-backup.ts'

const may = (...operations: readonly string[]) => known<Operations>(new Set(operations), 'test')
const permits = (more: Partial<Permits>): Permits => ({ principal: null, cluster: may(), topics: new Map(), groups: new Map(), ...more })
const need = (operation: string, more: Partial<Need> = {}): Need => ({ resource: 'TOPIC', name: 'a', operation, ...more })

describe('rights that a restore needs', () => {
  it('are missing where they are known to be, and unknown where nobody says', () => {
    const needs = [need('WRITE'), need('READ'), need('WRITE', { name: 'b' }), need('ALTER', { resource: 'CLUSTER', name: '' })]
    const judged = judgeNeeds(
      permits({
        topics: new Map([
          ['a', may('READ')],
          ['b', unknown<Operations>('no', 'test')],
        ]),
      }),
      needs,
    )
    expect(judged).toEqual({ missing: [needs[0], needs[3]], unknown: [needs[2]] })
  })

  it.each([
    ['on the topic', may('CREATE'), may(), 'held'],
    ['on the cluster', may(), may('CREATE'), 'held'],
    ['nowhere', may(), may(), 'missing'],
    ['not on the topic, and of the cluster nobody says', may(), unknown<Operations>('no', 'test'), 'unknown'],
    ['of the topic nobody says, and not on the cluster', unknown<Operations>('no', 'test'), may(), 'unknown'],
  ])('to create, %s', (_, topic, cluster, verdict) => {
    const { missing, unknown: open } = judgeNeeds(permits({ cluster, topics: new Map([['a', topic]]) }), [need('CREATE', { orOnCluster: true })])
    expect(missing.length > 0 ? 'missing' : open.length > 0 ? 'unknown' : 'held').toBe(verdict)
  })

  it('are granted by one command for all that lack the same', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const grants = grantsOf([
      ...names.flatMap((name) => [need('WRITE', { name }), need('ALTER_CONFIGS', { name })]),
      need('ALTER', { resource: 'CLUSTER', name: '' }),
      need('READ', { resource: 'GROUP', name: 'g' }),
    ])
    expect(grants.map(grantWords)).toEqual(['AlterConfigs, Write on topics a, b, c, d, e and 1 more', 'Alter on the cluster', 'Read on group g'])
    expect(grants.map((grant) => grantArguments(grant, 'User:kdr').join(' '))).toEqual([
      `--add --allow-principal User:kdr --operation AlterConfigs --operation Write ${names.map((name) => `--topic ${name}`).join(' ')}`,
      '--add --allow-principal User:kdr --operation Alter --cluster',
      '--add --allow-principal User:kdr --operation Read --group g',
    ])
  })
})
