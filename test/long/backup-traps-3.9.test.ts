// What goes wrong around backups, on Kafka 3.9.
import { trapsSuite } from '../real/backup-traps.suite.ts'

trapsSuite('3.9', { thorough: true })
