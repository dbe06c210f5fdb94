// kill -9 of kdr at every journal line of a lost majority's recovery on KRaft, simulated. Long: `npm run test:long`.
import { describeKills } from '../simulated/killing.ts'
import { killsIn } from '../simulated/multi-broker-kills.ts'
import { ordinalKillsIn } from '../simulated/ordinals-kills.ts'

describeKills([...killsIn('kraft'), ...ordinalKillsIn('kraft')])
