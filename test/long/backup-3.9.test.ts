// Backups on the last Kafka before 4.
import { backupSuite } from '../real/backup.suite.ts'

backupSuite('3.9')
