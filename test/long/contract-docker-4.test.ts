// The platform and faults contracts on containers.
import { dockerContract } from '../contract/docker.contract.ts'

dockerContract('4', 'everything')
