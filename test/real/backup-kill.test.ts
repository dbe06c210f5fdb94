// kill -9 of kdr at a few moments of a backup and of a restore; at twenty each, and with a broker killed beside it: npm run test:long.
import { killingBackups } from './backup-kill.suite.ts'

killingBackups('4', { creates: 2, restores: 3, broker: false })
