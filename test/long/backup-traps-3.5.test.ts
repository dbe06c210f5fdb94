// What goes wrong around backups, on Kafka 3.5.
import { trapsSuite } from '../real/backup-traps.suite.ts'

trapsSuite('3.5', { thorough: true })
