/** A consumer group as its coordinator sees it, asked past the sluice. */
import { API_KEY, type Struct, structsOf } from 'kafka-protocol-codec'
import type { KafkaCluster } from '../../../src/demo/kafka/index.ts'
import { connectRaw } from '../../support/net.ts'

/** Who is in it and what each has. */
export interface GroupView {
  readonly stable: boolean
  /** KIP-848's groups count their turns. */
  readonly epoch: number
  readonly members: Readonly<Record<string, string>>
}

export async function groupView(
  kafka: KafkaCluster,
  name: string,
  protocol: 'classic' | 'consumer',
): Promise<GroupView> {
  const [host = '', port] = kafka.internalBootstrap.split(':')
  const client = await connectRaw({ host, port: Number(port) })
  try {
    if (protocol === 'classic') {
      const answer = await client.request(API_KEY.DescribeGroups, 5, { groups: [name] })
      const [group] = structsOf(answer['groups'])
      return { stable: group?.['groupState'] === 'Stable', epoch: 0, members: membersOf(group, 'memberAssignment') }
    }
    const answer = await client.request(API_KEY.ConsumerGroupDescribe, 1, { groupIds: [name] })
    const [group] = structsOf(answer['groups'])
    const epoch = Number(group?.['groupEpoch'])
    const arrived = structsOf(group?.['members']).every((member) => member['memberEpoch'] === epoch)
    return { stable: group?.['groupState'] === 'Stable' && arrived, epoch, members: membersOf(group, 'assignment') }
  } finally {
    client.destroy()
  }
}

/** Assignments by member id; whatever form they have, equal ones look equal. */
function membersOf(group: Struct | undefined, field: string): Record<string, string> {
  const members = structsOf(group?.['members']).map(
    (member) => [String(member['memberId']), shown(member[field])] as const,
  )
  return Object.fromEntries(members.sort())
}

function shown(assignment: unknown): string {
  return assignment instanceof Uint8Array ? Buffer.from(assignment).toString('hex') : JSON.stringify(assignment)
}
