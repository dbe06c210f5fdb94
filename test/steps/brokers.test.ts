// What the steps about a broker make of surveys: facts that changed since the decision change the step.
import { describe, expect, it } from 'vitest'
import type { Step } from '../../src/engine/step.ts'
import type { Survey } from '../../src/model/survey.ts'
import type { ReadWorld } from '../../src/ports/world.ts'
import { awaitExpiry, startBroker, stopRemains } from '../../src/steps/brokers.ts'
import type { FailedBroker } from '../../src/steps/failed-broker.ts'
import { awaitRejoin, rejoined } from '../../src/steps/rejoined.ts'
import { changeBroker, changeMember, changeVolume, healthy, killed, seen } from '../helpers/survey.ts'

const decided: FailedBroker = {
  broker: 2,
  member: 'kafka2',
  uid: 'kafka2@1',
  restarts: 0,
  because: 'it was hung',
  healthy: false,
  verdict: 'single-broker',
  inDoubt: [],
}
const from = { from: { step: {} as Step, value: () => decided, taken: () => decided } }

const resolve = (step: Step, survey: Survey) => step.resolve({ survey: async () => survey } as unknown as ReadWorld)
const paused = (survey: Survey): Survey => changeMember(survey, 'kafka2', { state: seen('paused') })

describe('the broker that was found hung', () => {
  const uid = (survey: Survey): Survey => changeMember(survey, 'kafka2', { uid: seen('kafka2@1') })

  it('is stopped while it is', async () => {
    expect(await resolve(stopRemains(from), uid(paused(healthy())))).toMatchObject({ target: { member: 'kafka2', uid: 'kafka2@1', status: 'hung' } })
  })

  it('is left alone once it serves again, and nothing waits for its registration to go', async () => {
    expect(await resolve(stopRemains(from), uid(healthy()))).toMatchObject({ nothing: expect.stringContaining('serves again') })
    expect(await resolve(awaitExpiry(from), uid(healthy()))).toHaveProperty('nothing')
    expect(await resolve(startBroker(from), uid(healthy()))).toHaveProperty('nothing')
  })
})

describe('starting it', () => {
  const stopped = (survey: Survey): Survey => changeMember(survey, 'kafka2', { uid: seen(null), state: seen('stopped') })

  it('is about the disk as it is now', async () => {
    const step = startBroker(from)
    expect(await resolve(step, stopped(killed(healthy(), 2)))).toMatchObject({ target: { disk: 'intact' } })
    expect(await resolve(step, changeVolume(stopped(killed(healthy(), 2)), 'kafka2', { state: seen('blank') }))).toMatchObject({ target: { disk: 'blank' } })
  })

  it('is not possible beside one that is paused', async () => {
    expect(await resolve(startBroker(from), changeMember(paused(healthy()), 'kafka2', { uid: seen('kafka2@1') }))).toHaveProperty('blocked')
  })
})

describe('a broker that is back', () => {
  const anew = (survey: Survey): Survey => changeMember(survey, 'kafka2', { uid: seen('kafka2@2'), revives: 'always' })

  it('is not taken for registered by what the one before it left behind', async () => {
    const booting = changeBroker(anew(healthy()), 2, { registered: seen(true), reachable: seen(false) })
    expect(rejoined(booting, decided)).toMatchObject({ state: 'under-way', detail: expect.stringContaining('still from before') })
    expect(await resolve(awaitRejoin(from), booting)).toHaveProperty('target')
    expect(rejoined(anew(healthy()), decided)).toMatchObject({ state: 'done' })
    expect(await resolve(awaitRejoin(from), anew(healthy()))).toHaveProperty('nothing')
  })
})
