// kill -9 of kdr at every journal line of a recovery from replicas 0, then resume.
import { describeKills } from './killing.ts'
import { ordinalKillsIn } from './ordinals-kills.ts'

describeKills(ordinalKillsIn('zookeeper'))
