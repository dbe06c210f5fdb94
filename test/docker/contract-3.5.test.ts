// The platform contract on containers. Every fault of a lab is in the suites that recover from it, and in the contract
// that processes keep in CI; on containers too: npm run test:long.
import { dockerContract } from '../contract/docker.contract.ts'

dockerContract('3.5', 'platform')
