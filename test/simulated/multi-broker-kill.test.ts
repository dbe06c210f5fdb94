// kill -9 of kdr at every journal line of every branch of a lost majority's recovery, then resume.
import { describeKills } from './killing.ts'
import { killsIn } from './multi-broker-kills.ts'

describeKills(killsIn('zookeeper'))
