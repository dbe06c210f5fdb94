// What goes wrong around backups, on the newest Kafka.
import { trapsSuite } from './backup-traps.suite.ts'

trapsSuite('4')
