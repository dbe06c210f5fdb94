// kill -9 of kdr at twenty moments of a backup and of a restore each, and a broker killed meanwhile.
import { killingBackups } from '../real/backup-kill.suite.ts'

for (const kafka of ['3.5', '4'] as const) killingBackups(kafka, { creates: 20, restores: 20, broker: true })
