// Where the quorum's data is gone for good there is nothing to start: who takes over, with what, and what must not
// be done until then.
import { look, type Step } from '../../engine/step.ts'
import { BUILD_ANEW } from '../../judgement/advice.ts'
import { minutes, seconds } from '../../units.ts'
import type { From } from './failed-quorum.ts'

interface Words {
  readonly blocked: string
  readonly hint: string
}

const COMPLETE_LOSS = `else it is a complete loss, which kdr has no scenario for yet: ${BUILD_ANEW}`

const ZOOKEEPER: Words = {
  blocked: 'the data of every ZooKeeper member is gone: started empty, they would make a new tree that knows no topic and no user, under another cluster.id',
  hint: `keep the brokers running, they still serve what they lead; where there is a copy of a member's data, run this again with --snapshot <file or folder>: brokers are stopped for it, and their log ends compared, since an older one carries stale ISRs; ${COMPLETE_LOSS}`,
}

const KRAFT: Words = {
  blocked:
    'a majority of the controllers has lost its disk: formatted anew, they would elect each other and forget every topic (apache/kafka#12597); nothing is formatted',
  hint: `restore the disks of a majority; or, on a dynamic quorum (KIP-853), force a standalone quorum on the controller with the LONGEST log: irreversible, and not done by kdr; ${COMPLETE_LOSS}`,
}

export const handOver = (id: 'hand-over-zookeeper' | 'hand-over-controllers', { from }: From): Step =>
  look<Words>({
    id,
    title: 'Hand over: the data of the quorum is gone',
    why: 'Whatever is started on empty disks now becomes the truth, and the brokers would follow it.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(1), deadline: minutes(1) },
    resolve: async () => {
      const { blocked, hint } = id === 'hand-over-zookeeper' ? ZOOKEEPER : KRAFT
      return { blocked: `${from.value().because}: ${blocked}`, hint }
    },
    preview: ({ blocked }) => ({ sentence: blocked, changes: [], commands: [] }),
    expect: (now) => now,
    done: (_, { blocked }) => ({ state: 'not-started', detail: blocked, hopeless: blocked }),
  })
