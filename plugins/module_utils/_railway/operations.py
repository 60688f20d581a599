# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every GraphQL document this collection sends to Railway, by operation name, and how often each may be sent. Data only.

One operation a document, with the fragments it uses. All fit the public schema; none uses a deprecated field.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

_DEPLOYMENT = """
fragment DeploymentFields on Deployment {
  id status statusUpdatedAt createdAt canRedeploy canRollback deploymentStopped meta
  creator { id }
  instances { id status }
}
"""

_LOG = """
fragment LogFields on Log { timestamp severity message tags { deploymentInstanceId } }
"""

_PAGE = "pageInfo { hasNextPage endCursor }"

_QUERIES = {
    # Whose token this is, and what it may see.
    "ProjectToken": """
query ProjectToken {
  projectToken { projectId environmentId project { id name } environment { id name } }
}
""",
    "ApiToken": "query ApiToken { apiToken { workspaces { id name } } }",
    # Whether Railway itself has an incident.
    "PlatformStatus": "query PlatformStatus { platformStatus { isStable incident { id message status url } } }",
    "WorkspaceProjects": """
query WorkspaceProjects($workspaceId: String!, $first: Int, $after: String) {
  projects(workspaceId: $workspaceId, first: $first, after: $after) {
    edges { node { id name deletedAt } }
    %(page)s
  }
}
""",
    "ProjectEnvironments": """
query ProjectEnvironments($id: String!, $first: Int, $after: String) {
  project(id: $id) {
    id
    name
    environments(first: $first, after: $after) {
      edges { node { id name isEphemeral canAccess deletedAt } }
      %(page)s
    }
  }
}
""",
    "EnvironmentServices": """
query EnvironmentServices($environmentId: String!, $first: Int, $after: String) {
  environment(id: $environmentId) {
    id
    name
    projectId
    serviceInstances(first: $first, after: $after) {
      edges { node { serviceId serviceName deletedAt } }
      %(page)s
    }
  }
}
""",
    "EnvironmentInventory": """
query EnvironmentInventory($environmentId: String!, $first: Int, $after: String) {
  environment(id: $environmentId) {
    id
    name
    projectId
    serviceInstances(first: $first, after: $after) {
      edges {
        node {
          serviceId
          serviceName
          deletedAt
          numReplicas
          region
          healthcheckPath
          cronSchedule
          sleepApplication
          source { image repo }
          domains { serviceDomains { domain } customDomains { domain } }
          latestDeployment { id status createdAt }
          activeDeployments { id status createdAt }
        }
      }
      %(page)s
    }
  }
}
""",
    "EnvironmentVolumes": """
query EnvironmentVolumes($environmentId: String!, $first: Int, $after: String) {
  environment(id: $environmentId) {
    volumeInstances(first: $first, after: $after) {
      edges {
        node { id serviceId volumeId mountPath currentSizeMB sizeMB state isPendingDeletion volume { id name } }
      }
      %(page)s
    }
  }
}
""",
    # All about one service but its words: one request.
    "ServiceLook": """
query ServiceLook(
  $projectId: String!
  $environmentId: String!
  $serviceId: String!
  $first: Int
  $variables: Boolean!
  $limits: Boolean!
) {
  serviceInstance(environmentId: $environmentId, serviceId: $serviceId) {
    serviceId
    serviceName
    deletedAt
    numReplicas
    region
    healthcheckPath
    healthcheckTimeout
    restartPolicyType
    restartPolicyMaxRetries
    sleepApplication
    cronSchedule
    source { image repo }
    latestDeployment { ...DeploymentFields }
    activeDeployments { ...DeploymentFields }
  }
  deployments(
    input: {projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId}
    first: $first
  ) {
    edges { node { ...DeploymentFields } }
  }
  variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) @include(if: $variables)
  serviceInstanceLimits(environmentId: $environmentId, serviceId: $serviceId) @include(if: $limits)
}
"""
    + _DEPLOYMENT,
    # What a deployment said, and why it failed.
    "DeploymentWords": """
query DeploymentWords(
  $id: String!
  $limit: Int
  $since: DateTime
  $runtime: Boolean!
  $build: Boolean!
  $events: Boolean!
  $failedId: String!
  $previousId: String!
  $previous: Boolean!
) {
  deploymentLogs(deploymentId: $id, limit: $limit, startDate: $since) @include(if: $runtime) { ...LogFields }
  buildLogs(deploymentId: $id, limit: $limit) @include(if: $build) { ...LogFields }
  deploymentEvents(id: $failedId, first: 50) @include(if: $events) {
    edges { node { step createdAt completedAt payload { error reason } } }
  }
  deploymentSnapshot(deploymentId: $previousId) @include(if: $previous) { variables }
}
"""
    + _LOG,
    "Deployments": """
query Deployments($projectId: String!, $environmentId: String!, $serviceId: String!, $first: Int, $after: String) {
  deployments(
    input: {projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId}
    first: $first
    after: $after
  ) {
    edges { node { ...DeploymentFields } }
    %(page)s
  }
}
"""
    + _DEPLOYMENT,
    "DeploymentStatus": """
query DeploymentStatus($id: String!) {
  deployment(id: $id) { ...DeploymentFields }
}
"""
    + _DEPLOYMENT,
    "DeploymentLogs": """
query DeploymentLogs($deploymentId: String!, $limit: Int, $filter: String, $startDate: DateTime, $endDate: DateTime) {
  deploymentLogs(
    deploymentId: $deploymentId
    limit: $limit
    filter: $filter
    startDate: $startDate
    endDate: $endDate
  ) { ...LogFields }
}
"""
    + _LOG,
    "Metrics": """
query Metrics(
  $projectId: String
  $environmentId: String
  $serviceId: String
  $startDate: DateTime!
  $endDate: DateTime
  $measurements: [MetricMeasurement!]!
  $sampleRateSeconds: Int
  $groupBy: [MetricTag!]
) {
  metrics(
    projectId: $projectId
    environmentId: $environmentId
    serviceId: $serviceId
    startDate: $startDate
    endDate: $endDate
    measurements: $measurements
    sampleRateSeconds: $sampleRateSeconds
    groupBy: $groupBy
  ) {
    measurement
    tags { serviceId deploymentInstanceId }
    values { ts value }
  }
}
""",
    "DeploymentVariables": """
query DeploymentVariables($deploymentId: String!) {
  deploymentSnapshot(deploymentId: $deploymentId) { variables }
}
""",
    "Variables": """
query Variables($projectId: String!, $environmentId: String!, $serviceId: String) {
  variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, unrendered: true)
}
""",
    "EnvironmentConfig": """
query EnvironmentConfig($environmentId: String!) {
  environment(id: $environmentId) { config(decryptVariables: false) }
}
""",
    "EnvironmentStagedChanges": """
query EnvironmentStagedChanges($environmentId: String!) {
  environmentStagedChanges(environmentId: $environmentId) { id status patch lastAppliedError }
}
""",
    "VolumeInstanceBackupList": """
query VolumeInstanceBackupList($volumeInstanceId: String!) {
  volumeInstanceBackupList(volumeInstanceId: $volumeInstanceId) { id name createdAt expiresAt usedMB referencedMB }
}
""",
    "WorkflowStatus": """
query WorkflowStatus($workflowId: String!) {
  workflowStatus(workflowId: $workflowId) { status error }
}
""",
}

#: Writes that say how things shall be: sent twice they do no more than sent once.
_REPEATABLE = {
    "VariableCollectionUpsert": """
mutation VariableCollectionUpsert($input: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $input) }
""",
    "ServiceInstanceLimitsUpdate": """
mutation ServiceInstanceLimitsUpdate($input: ServiceInstanceLimitsUpdateInput!) {
  serviceInstanceLimitsUpdate(input: $input)
}
""",
    "EnvironmentPatchCommit": """
mutation EnvironmentPatchCommit($environmentId: String!, $patch: EnvironmentConfig, $commitMessage: String) {
  environmentPatchCommit(environmentId: $environmentId, patch: $patch, commitMessage: $commitMessage)
}
""",
}

#: Writes that do something each time they are sent. They are sent again only when the first surely did nothing.
_ONCE = {
    "DeploymentRedeploy": """
mutation DeploymentRedeploy($id: String!, $usePreviousImageTag: Boolean) {
  deploymentRedeploy(id: $id, usePreviousImageTag: $usePreviousImageTag) { id status createdAt }
}
""",
    "DeploymentRestart": "mutation DeploymentRestart($id: String!) { deploymentRestart(id: $id) }",
    # The id is that of the deployment to go back to. The answer is true or false, never the new deployment.
    "DeploymentRollback": "mutation DeploymentRollback($id: String!) { deploymentRollback(id: $id) }",
    "DeploymentStop": "mutation DeploymentStop($id: String!) { deploymentStop(id: $id) }",
    "ServiceInstanceDeployV2": """
mutation ServiceInstanceDeployV2($environmentId: String!, $serviceId: String!, $commitSha: String) {
  serviceInstanceDeployV2(environmentId: $environmentId, serviceId: $serviceId, commitSha: $commitSha)
}
""",
    "VariableDelete": "mutation VariableDelete($input: VariableDeleteInput!) { variableDelete(input: $input) }",
    "EnvironmentPatchCommitStaged": """
mutation EnvironmentPatchCommitStaged($environmentId: String!, $commitMessage: String) {
  environmentPatchCommitStaged(environmentId: $environmentId, commitMessage: $commitMessage)
}
""",
    "VolumeInstanceBackupCreate": """
mutation VolumeInstanceBackupCreate($volumeInstanceId: String!, $name: String) {
  volumeInstanceBackupCreate(volumeInstanceId: $volumeInstanceId, name: $name) { workflowId }
}
""",
    "VolumeInstanceBackupRestore": """
mutation VolumeInstanceBackupRestore($volumeInstanceId: String!, $volumeInstanceBackupId: String!) {
  volumeInstanceBackupRestore(
    volumeInstanceId: $volumeInstanceId
    volumeInstanceBackupId: $volumeInstanceBackupId
  ) { workflowId }
}
""",
}

READ, REPEATABLE, ONCE = "read", "repeatable", "once"

#: Operation name -> document.
OPERATIONS: dict[str, str] = {
    name: text.replace("%(page)s", _PAGE).strip() for name, text in {**_QUERIES, **_REPEATABLE, **_ONCE}.items()
}

#: Operation name -> how often it may be sent.
KIND: dict[str, str] = {
    **dict.fromkeys(_QUERIES, READ),
    **dict.fromkeys(_REPEATABLE, REPEATABLE),
    **dict.fromkeys(_ONCE, ONCE),
}
