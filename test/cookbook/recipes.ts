/** The situations of docs/cookbook.md, as they are played. */

import type { Recipe } from './recipe.ts'
import { KAFKA_QUOTAS } from './recipe-kafka-quotas.ts'
import { CLUSTER_RECIPES } from './recipes-cluster.ts'
import { DATA_RECIPES } from './recipes-data.ts'

export { PASSWORDS } from './recipes-data.ts'

/** In the order of the page. */
export const RECIPES: readonly Recipe[] = [...DATA_RECIPES, ...CLUSTER_RECIPES, KAFKA_QUOTAS]
