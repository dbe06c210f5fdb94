// The scenarios there are; each page is loaded when it is asked for.
import type { Scenario } from '../engine/step.ts'
import type { LabService } from '../model/lab.ts'
import type { Verdict } from '../model/survey.ts'
import type { Fault } from '../ports/faults.ts'
import type { Need } from '../ports/platform.ts'
import type { Options } from './options.ts'

/** What a drill expects of a fault, where that is not the scenario's own verdict and a verified recovery. */
interface DrillExpectation {
  readonly verdict?: Verdict
  /** `refused`: what it breaks cannot be repaired, and the run has to say so. */
  readonly outcome?: 'refused'
  /** Acknowledged records may be lost by the recovery itself: it wants that granted. */
  readonly loses?: true
  /** What has to be there before it is broken: schemas to lose, and their manifest. */
  readonly prepares?: 'schemas'
}

export interface ScenarioEntry {
  readonly id: string
  readonly title: string
  /** Options that mean something to it, of those that not every scenario takes: by their long flag, camel-cased. */
  readonly takes: readonly (keyof Options)[]
  /** What it may have to ask of the platform, where that is more than every scenario asks; by what it was told. */
  readonly need?: (options: Options) => Need
  /** What its drill's lab needs besides brokers and their quorum. */
  readonly services?: readonly LabService[]
  /** Everything its drill may break. */
  readonly faults: Readonly<Partial<Record<Fault, DrillExpectation>>>
  /** What its drill breaks unless told otherwise: `revived` where the platform brings back what is killed, `kraft` where there is no ZooKeeper. `paper`: what the printed page shows. */
  readonly drill: { readonly fault: Fault; readonly revived: Fault; readonly kraft?: Fault; readonly paper?: Fault }
  readonly load: () => Promise<Scenario<Options>>
}

export const SCENARIOS: readonly ScenarioEntry[] = [
  {
    id: 'single-broker',
    title: 'Single broker failure',
    takes: ['broker'],
    faults: {
      'kill-broker': {},
      'hang-broker': {},
      'wipe-broker': {},
      'stop-broker': {},
      'pause-broker': {},
      'disconnect-broker': {},
      'remove-broker': {},
      'oom-broker': {},
    },
    drill: { fault: 'kill-broker', revived: 'stop-broker', paper: 'hang-broker' },
    load: async () => (await import('./single-broker.ts')).singleBroker,
  },
  {
    id: 'zookeeper',
    title: 'ZooKeeper ensemble or KRaft controller quorum failure',
    takes: ['snapshot'],
    need: ({ snapshot }) => (snapshot === null ? 'recover' : 'restore'),
    faults: {
      'stop-zookeeper': {},
      'stop-controllers': {},
      'kill-zookeeper': { verdict: 'at-risk' },
      'kill-controller': { verdict: 'at-risk' },
      'wipe-zookeeper-majority': {},
      'wipe-controller-majority': { outcome: 'refused' },
      'lose-zookeeper': { outcome: 'refused' },
    },
    drill: { fault: 'stop-zookeeper', revived: 'stop-zookeeper', kraft: 'stop-controllers' },
    load: async () => (await import('./zookeeper.ts')).zookeeper,
  },
  {
    id: 'multi-broker',
    title: 'Multiple broker failure (majority lost)',
    takes: ['gone'],
    need: () => 'recreate',
    faults: { 'kill-two': {}, 'isr-apart': {}, 'lose-isr': { loses: true }, 'scale-to-zero': {} },
    drill: { fault: 'kill-two', revived: 'scale-to-zero' },
    load: async () => (await import('./multi-broker.ts')).multiBroker,
  },
  {
    id: 'schema-registry',
    title: 'Schema Registry failure',
    takes: ['schemas'],
    need: () => 'roll',
    services: ['schema-registry'],
    // An empty registry is a healthy one to whoever does not know what it held: only the manifest tells. Without a leader for
    // its topic, what has to be repaired is Kafka: the registry's own recovery must leave it alone.
    faults: {
      'stop-registry': {},
      'kill-registry': {},
      'lose-schemas': { verdict: 'healthy', prepares: 'schemas' },
      'schemas-leaderless': { verdict: 'single-broker', outcome: 'refused' },
    },
    drill: { fault: 'stop-registry', revived: 'stop-registry' },
    load: async () => (await import('./schema-registry.ts')).schemaRegistry,
  },
]
