// Backups on Kafka 3.5.
import { backupSuite } from './backup.suite.ts'

backupSuite('3.5')
