// The platform and faults contracts on containers of Kafka 3.5; in CI the platform's alone.
import { dockerContract } from '../contract/docker.contract.ts'

dockerContract('3.5', 'everything')
