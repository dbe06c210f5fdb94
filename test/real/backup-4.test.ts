// Backups on the newest Kafka.
import { backupSuite } from './backup.suite.ts'

backupSuite('4')
