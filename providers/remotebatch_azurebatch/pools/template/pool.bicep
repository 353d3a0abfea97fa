metadata description = 'What remotebatch needs: a Batch account with linked storage, a managed identity, and a pool that runs containers and scales to zero.'

@description('Region of everything.')
param location string = resourceGroup().location

@description('Name of both the Batch and the storage account: lower-case letters and digits, not taken by anybody.')
@minLength(3)
@maxLength(24)
param accountName string = 'rb${uniqueString(resourceGroup().id)}'

@description('Id of the pool: what SubmissionEnvironment is given as pool_id.')
@minLength(1)
@maxLength(64)
param poolId string = 'remotebatch'

@description('Size of the nodes. Change vcpus with it.')
param vmSize string = 'Standard_D4s_v5'

@description('vCPUs of that size, and so task slots of a node.')
@minValue(1)
@maxValue(256)
param vcpus int = 4

@description('Nodes that the pool never exceeds.')
@minValue(1)
param maxNodes int = 10

@description('Use spot nodes, which are cheaper and may be taken away at any time.')
param spot bool = false

@description('Public container images that each node pulls before its first task.')
param containerImages array = []

@description('Days after which the results, logs and files of a job are removed from storage.')
@minValue(1)
param keepDays int = 30

@description('Object id of the user, group or application that signs in with Entra ID to submit jobs; empty where account keys are used.')
param submitterId string = ''

@description('What that object id is of.')
@allowed([
  'User'
  'Group'
  'ServicePrincipal'
])
param submitterType string = 'User'

var blobDataContributor = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'ba92f5b4-2d11-453d-a403-e96b0029c9fe')
var batchDataContributor = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '6aaa78f1-f7de-44ca-8722-c64a23943cae')
var targets = spot ? ['$TargetLowPriorityNodes', '$TargetDedicatedNodes'] : ['$TargetDedicatedNodes', '$TargetLowPriorityNodes']
var formula = join([
  'window = TimeInterval_Minute * 5;'
  'known = $PendingTasks.GetSamplePercent(window) >= 50;'
  'waiting = known ? max($PendingTasks.GetSample(1), avg($PendingTasks.GetSample(window))) : max(0, $PendingTasks.GetSample(1));'
  'wanted = (waiting + $TaskSlotsPerNode - 1) / $TaskSlotsPerNode;'
  '${targets[0]} = min(${maxNodes}, wanted);'
  '${targets[1]} = 0;'
  '$NodeDeallocationOption = taskcompletion;'
  ''
], '\n')

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: accountName
  location: location
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }
}

resource expiry 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = {
  parent: storage
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'expire-job-containers'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
                'appendBlob'
              ]
              prefixMatch: [
                'job-'
              ]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: keepDays
                }
              }
            }
          }
        }
      ]
    }
  }
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${accountName}-nodes'
  location: location
}

resource account 'Microsoft.Batch/batchAccounts@2024-07-01' = {
  name: accountName
  location: location
  properties: {
    poolAllocationMode: 'BatchService'
    autoStorage: {
      storageAccountId: storage.id
    }
  }
}

resource nodesMayUseBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, identity.id, blobDataContributor)
  scope: storage
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: blobDataContributor
  }
}

resource submitterMayUseBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(submitterId)) {
  name: guid(storage.id, submitterId, blobDataContributor)
  scope: storage
  properties: {
    principalId: submitterId
    principalType: submitterType
    roleDefinitionId: blobDataContributor
  }
}

resource submitterMayUseBatch 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(submitterId)) {
  name: guid(account.id, submitterId, batchDataContributor)
  scope: account
  properties: {
    principalId: submitterId
    principalType: submitterType
    roleDefinitionId: batchDataContributor
  }
}

resource pool 'Microsoft.Batch/batchAccounts/pools@2024-07-01' = {
  parent: account
  name: poolId
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    vmSize: vmSize
    taskSlotsPerNode: vcpus
    taskSchedulingPolicy: {
      nodeFillType: 'Pack'
    }
    deploymentConfiguration: {
      virtualMachineConfiguration: {
        imageReference: {
          publisher: 'microsoft-dsvm'
          offer: 'ubuntu-hpc'
          sku: '2404'
          version: 'latest'
        }
        nodeAgentSkuId: 'batch.node.ubuntu 24.04'
        containerConfiguration: {
          type: 'DockerCompatible'
          containerImageNames: containerImages
        }
      }
    }
    scaleSettings: {
      autoScale: {
        evaluationInterval: 'PT5M'
        formula: formula
      }
    }
  }
}

output batchAccount string = account.name
output batchEndpoint string = 'https://${account.properties.accountEndpoint}'
output storageAccount string = storage.name
output poolId string = pool.name
output nodeIdentity string = identity.id
