import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { checkLabel, parseReference } from '../common/references.js';
import type { RequestContext } from '../common/request-context.js';
import { DeploymentService } from '../deployments/deployment.service.js';
import { routingOf } from '../deployments/routing-policy.js';
import { RoutingService } from '../deployments/routing.service.js';
import { ModelService } from '../models/model.service.js';
import { PromptService } from '../prompts/prompt.service.js';
import type { ExperimentArmEntity, ExperimentEntity } from './experiment.entity.js';

/** What an experiment is about. */
export type ExperimentSubjectName = Pick<ExperimentEntity, 'subject' | 'subjectName' | 'label'>;
export type ArmTarget = Pick<ExperimentArmEntity, 'promptVersionId' | 'promptVersion' | 'model'>;

/** What a subject names now. */
export interface Named {
  /** As `ExperimentEntity.baseline` keeps it. */
  named: string;
  /** The same as the target of an arm; null for a deployment of several. */
  target: string | null;
  /** What to move it by: the version, or the deployment's revision. */
  revision: number;
}

/** What experiments are about: reads, checks and moves it. */
@Injectable()
export class ExperimentSubjectService {
  constructor(
    private readonly prompts: PromptService,
    private readonly models: ModelService,
    private readonly deployments: DeploymentService,
    private readonly routing: RoutingService,
  ) {}

  /**
   * @param text `prompts:/name@label`, `models:/name@alias`, or the name of a deployment
   * @throws DomainError bad_input for what never moves, or moves by itself; bad_reference, not_found.
   */
  async parse(ctx: RequestContext, text: string): Promise<ExperimentSubjectName> {
    const [kind] = text.split(':', 1);
    if (kind !== 'prompts' && kind !== 'models') return { subject: 'deployment', subjectName: (await this.deployments.findByName(ctx, text)).name, label: '' };
    const [what, first] = kind === 'prompts' ? ['label', 'production'] as const : ['alias', 'champion'] as const;
    const { name, version, alias } = parseReference(text, kind);
    if (version !== null) throw new DomainError('bad_input', `${text} is one version for ever. Name the ${what} that the app calls, such as ${kind}:/${name}@${first}.`, 'subject');
    const label = alias ?? (kind === 'prompts' ? first : 'latest');
    checkLabel(label, 'subject');
    if (label === 'latest') throw new DomainError('bad_input', `The ${what} 'latest' moves by itself: no arm could be promoted to it. Name another ${what}, such as ${kind}:/${name}@${first}.`, 'subject');
    return { subject: kind === 'prompts' ? 'prompt' : 'model', subjectName: name, label };
  }

  /** @throws DomainError not_found. */
  async now(ctx: RequestContext, { subject, subjectName, label }: ExperimentSubjectName): Promise<Named> {
    if (subject === 'prompt') {
      const { version } = await this.prompts.fetch(ctx, subjectName, { label });
      return { named: String(version), target: `prompts:/${subjectName}/${version}`, revision: version };
    }
    if (subject === 'model') {
      const { version } = await this.models.resolve(ctx, `models:/${subjectName}@${label}`);
      const named = `models:/${subjectName}/${version}`;
      return { named, target: named, revision: version };
    }
    const deployment = await this.deployments.findByName(ctx, subjectName);
    const arms = routingOf(deployment).arms.filter(({ weight }) => weight > 0);
    const only = arms.length === 1 ? arms[0]!.target : null;
    return { named: only ?? arms.map(({ target, weight }) => `${target} (${weight})`).join(', '), target: only, revision: deployment.revision };
  }

  /**
   * What an arm gives calls. That of an alias' experiment stays the version that it is now, whatever is moved meanwhile.
   * @throws DomainError bad_input for another prompt's version, or a model that does not chat; bad_reference, not_found, model_not_found.
   */
  async target(ctx: RequestContext, { subject, subjectName }: ExperimentSubjectName, text: string): Promise<ArmTarget> {
    if (subject === 'prompt') {
      const { id, name, version } = await this.prompts.resolve(ctx, text);
      if (name !== subjectName) throw new DomainError('bad_input', `${text} is not a version of ${subjectName}, whose label the experiment is about.`, 'arms');
      return { promptVersionId: id, promptVersion: version, model: null };
    }
    const target = await this.routing.checkTarget(ctx, text, 'arms');
    const model = subject === 'model' && target.kind === 'registry' ? `models:/${parseReference(text, 'models').name}/${target.version.version}` : text;
    return { model, promptVersion: null, promptVersionId: null };
  }

  /**
   * Has the subject name the arm from now on.
   * @param revision what it is at now, as `now` told
   * @throws DomainError bad_input for an arm that an alias cannot name; conflict when another moved it meanwhile; what moving it throws.
   */
  async move(tx: RequestContext, { subject, subjectName, label }: ExperimentSubjectName, arm: ExperimentArmEntity, revision: number): Promise<void> {
    if (subject === 'prompt') {
      await this.prompts.setLabels(tx, subjectName, arm.promptVersion!, [label], revision);
    } else if (subject === 'deployment') {
      await this.routing.updateDeployment(tx, subjectName, { arms: [{ target: arm.model!, weight: 1 }] }, revision);
    } else {
      await this.models.setAlias(tx, subjectName, label, versionOf(subjectName, label, arm), revision);
    }
  }
}

/** The version of the model that an arm is. */
function versionOf(subjectName: string, label: string, { name, model }: ExperimentArmEntity): number {
  const { name: of, version } = model!.startsWith('models:/') ? parseReference(model!, 'models') : { name: null, version: null };
  if (of !== subjectName || version === null) {
    throw new DomainError('bad_input', `The arm ${name} is ${model}, and the alias ${label} of ${subjectName} can name versions of ${subjectName} only. Stop without promote; to send calls there, have apps call a deployment and point that at ${model}.`, 'promote');
  }
  return version;
}
